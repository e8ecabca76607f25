"""What build.py makes of the notebooks besides notebooks: a site, slides, a student's folder."""
