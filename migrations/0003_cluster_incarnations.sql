-- How often a cluster's own storage began anew: it was made, or it was restored. Kept outside of that storage, since
-- the epochs of its leaders must go on growing when the storage goes back in time.
CREATE TABLE cluster_incarnations (
  -- The object's name, which begins with the immutable uid of its namespace and a slash.
  name TEXT PRIMARY KEY,
  incarnation INTEGER NOT NULL
) WITHOUT ROWID;
