"""The studio's web application: pages and the addresses that they call. No build step, nothing from other servers.

create.py       create_app(settings): the application, put together      (start here)
context.py      what every page needs: settings, database, texts, templates
guard.py        headers, hosts, sizes and pace: what holds for every request
signed_in.py    who asks: cookies, roles, the secret that every change repeats
failures.py     errors as sentences: a page for people, JSON for scripts
leases.py       the work itself: draft, renew, skip, submit
picture_files.py  original bytes and thumbnails
pages/          one file a page
server.py       run it: certificates, browser, worker
"""
