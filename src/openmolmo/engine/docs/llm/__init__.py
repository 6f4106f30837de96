"""Documents whose data, code and questions a text-only language model writes.

    author.py      LLMAuthor: writes, repairs, asks; an entry point of ``openmolmo.doc_authors``   (start here)
    contents.py    data as JSON: a schema for each kind, and what it becomes
    reach.py       source that reaches for files or the network is refused before a tool sees it
    whole.py       a picture that does not show all of its data is refused
    boxed.py       Matplotlib code runs in the sandbox, and comes back as a picture with its marks
    marking.py     the program that finds the marks of a stranger's figure, inside the sandbox
    asking.py      questions by the model: each names how it can be checked, and is dropped where that fails
    personas.txt   who might want such a document
    prompts/       versioned prompt files

The model sees text only: its data, its code and a tool's error, never a picture.
"""
