"""Any number of requests into a folder of answers, on one machine or on many.

``parts`` cuts a file of requests, a table or a folder of pictures into parts; ``reading`` reads the requests of one;
``work`` answers a part into a file that is whole or not there; ``job`` hands the parts out and goes on where it was
interrupted; ``engines`` are what answers, found by name.
"""
