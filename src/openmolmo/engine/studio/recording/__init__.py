"""What people say: kept piece by piece while they speak, joined, gated, written down and merged into captions.

    chunks.py           begin a recording, put a piece, discard it            (start here)
    finishing.py        join the pieces, decode, gates, a copy for seeking
    state.py            what a page shows of the recordings under a lease
    texts.py            the newest words of recordings, of one work and of a task
    transcribe_job.py   the worker's part: sound to words
    merge_job.py        and words to a caption

A reload, a closed lid or a microphone that goes away ends one recorder, and the next one begins a file of its own,
with a head of its own. So each becomes a *recording of its own under the same lease*, a part: its original bytes stay
a whole file whose hash is the receipt. Joining them into one file would have meant encoding them anew, and then the
receipt would not be what the browser recorded. The gates look at all parts together; an export names all of them.
"""
