"""A backup has everything, goes to the other kind of database too, and never onto something that is there."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
import toy_mode
from sqlalchemy import func, select

from openmolmo.engine.studio import work
from openmolmo.engine.studio.backup import BackupError, read_backup, write_backup
from openmolmo.engine.studio.queue import add_task, take
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Annotation, Event, Person, Task


def test_there_and_back(database: Database, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("pictures/ab/cd.png", "recordings/1/00000", "copies/160/x.jpg", "tls/key.pem"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_bytes(name.encode())
    (home / "studio.sqlite-wal").write_bytes(b"x")
    with database.begin() as rows:
        project, (ann, *_), _ = toy_mode.fill(rows, tasks=600)
        lease = take(rows, ann, project, toy_mode.NAME, 1.0)
        assert lease is not None
        work.submit(rows, lease.id, ann, {"count": 4}, 100, 2.0)
    file = tmp_path / "backup.tar"
    counts = write_backup(database, home, file)
    assert counts["task"] == 600
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        files = sorted(name for name in tar.getnames() if name.startswith("files/"))
    assert files == ["files/pictures/ab/cd.png", "files/recordings/1/00000"]

    new = upgrade(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert read_backup(file, new, tmp_path / "new") == counts
    assert (tmp_path / "new/recordings/1/00000").read_bytes() == b"recordings/1/00000"
    with new.begin() as rows:
        assert rows.scalars(select(Annotation)).one().payload == {"count": 4}
        assert rows.scalar(select(func.count(Event.id))) == counts["event"]
        assert rows.scalars(select(Task).where(Task.gold.is_not(None))).all() == [], "no value stays no value"
        rows.add(Person(name="new", role="annotator", created_at=0.0))
        rows.flush()
        add_task(rows, project_id=project, picture_id=1, mode=toy_mode.NAME, now=0.0)

    with pytest.raises(BackupError, match="not empty"):
        read_backup(file, new, tmp_path / "new")
    back = tmp_path / "back.tar"
    again = write_backup(new, tmp_path / "new", back)
    with pytest.raises(BackupError, match="not empty"):
        read_backup(back, database, home)
    new.close()
    if not database.is_sqlite:  # and back to PostgreSQL, whose counters must go on
        from databases import fresh_database

        other = upgrade(fresh_database(str(database.engine.url.set(drivername="postgresql")).rpartition("/")[0]))
        assert read_backup(back, other, tmp_path / "other") == again
        with other.begin() as rows:
            rows.add(Person(name="newer", role="annotator", created_at=0.0))
        other.close()


def test_what_is_no_backup(tmp_path: Path) -> None:
    empty = upgrade(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with pytest.raises(BackupError, match="there is no file"):
        read_backup(tmp_path / "nowhere.tar", empty, tmp_path)
    (tmp_path / "text.tar").write_text("x" * 2000)
    with pytest.raises(BackupError, match="no backup"):
        read_backup(tmp_path / "text.tar", empty, tmp_path)
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(__file__, "x.py")
    with pytest.raises(BackupError, match=r"has no backup\.json"):
        read_backup(tmp_path / "other.tar", empty, tmp_path)
    empty.close()
