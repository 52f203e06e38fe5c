-- Durable Objects that have work of their own. An object enters itself before its first acknowledged write, and the
-- sweep asks each whether its alarm is set as it should be, since an alarm can be lost.
CREATE TABLE watched_objects (
  -- The class: 'task-queue' and others.
  kind TEXT NOT NULL,
  -- The object's name, which begins with the immutable uid of its namespace and a slash.
  name TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
