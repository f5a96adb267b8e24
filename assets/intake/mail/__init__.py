"""Mail: from a mailbox or a folder into the archive, and from bytes to the files that a mail carries."""
