"""One folder per outside system; none of them imports another part of CareLoop."""
