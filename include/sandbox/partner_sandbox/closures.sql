-- closed disputes may have to be reviewed; until now each was approved at once
ALTER TABLE dispute ADD COLUMN closure_status TEXT
CHECK (closure_status IN ('pending_review', 'approved', 'rejected'));

UPDATE dispute SET closure_status = 'approved' WHERE closed_at IS NOT NULL;
