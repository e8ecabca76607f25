"""Settings for a course folder of nbgrader; build.py --course copies this file there."""

from nbclient import NotebookClient

c = get_config()  # noqa: F821, given by nbgrader

c.CourseDirectory.course_id = "cenet"
# The same stub as in the students' notebooks: it does not raise, so a notebook runs to its end.
c.ClearSolutions.code_stub = {"python": "...  # your code here"}
# A notebook may train a model.
c.ExecutePreprocessor.timeout = 900
# With nbclient's own widgets an execution can wait for ever, see execute() in build.py.
NotebookClient.on_comm_open_jupyter_widget = lambda self, message: None
