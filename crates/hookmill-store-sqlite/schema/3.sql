-- What a connector keeps sealed: the client secret of OAuth 2.0.
ALTER TABLE connector ADD COLUMN sealed BLOB;
