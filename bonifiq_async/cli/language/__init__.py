"""What the command says, in the reader's language: English in the code, Portuguese from a catalogue.

A phrase is its English, for files, JSON and programs, whatever the language; the screen alone shows it in the
language that was chosen, so that no function on the way there knows of languages.

choice       which language: `--language`, BONIFIQ_LANGUAGE, or the locale
help_pages   the help of the commands, and what is wrong with a command that was typed
library_errors  errors of the library as the reader is to see them
library_texts  sentences of the library for what usually fails, known again by their form
packing      a phrase on a line of a file of the command's own
phrase       a text with named fields, numbers and dates; its form in a language
portuguese/  the catalogue of the Portuguese of Brazil
server_texts  such sentences about ledgers in a database, and about brokers
"""
