"""Settings for a course folder of nbgrader; build.py --nbgrader copies this file there."""

from pathlib import Path

from jupyter_client import BlockingKernelClient
from nbclient import NotebookClient
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute

from cenet_lib.course.grading import CHECK, grade_remotely

# From which the cases follow; keep it to yourself.
KEY = Path(__file__).resolve().with_name("grading.key")
LONGEST_CALL = 60  # seconds


class ExecuteAndGrade(Execute):
    """Runs a notebook as nbgrader does, and decides itself about each check.

    A student's code runs in the kernel. Here, in another process, cases are drawn and results
    compared; the kernel only computes them, see cenet_lib/course/grading.py.
    """

    def preprocess_cell(self, cell, resources, index):
        executed, resources = super().preprocess_cell(cell, resources, index)
        if cell.metadata.get("nbgrader", {}).get("grade") and CHECK.search(cell.source):
            key = KEY.read_text(encoding="ascii").strip()
            complaint = grade_remotely(cell.source, self._ask, key)
            executed.outputs = [_verdict(complaint)]  # whatever the kernel said about it
        return executed, resources

    def _ask(self, code):
        """Run code in the kernel; return its variable ``cenet_reply``."""
        client = BlockingKernelClient(connection_file=self.km.connection_file)
        client.load_connection_file()
        client.start_channels()
        try:
            reply = client.execute_interactive(
                code,
                silent=True,
                store_history=False,
                user_expressions={"reply": "cenet_reply"},
                allow_stdin=False,
                timeout=LONGEST_CALL,
                output_hook=lambda message: None,
            )
        except TimeoutError:
            return ""
        finally:
            client.stop_channels()
        found = reply["content"].get("user_expressions", {}).get("reply", {})
        return found.get("data", {}).get("text/plain", "").strip("'\"")


def _verdict(complaint):
    """Return an output from which nbgrader makes no points, or all."""
    if not complaint:
        return new_output("stream", name="stdout", text="✓ right\n")
    lines = complaint.splitlines()
    return new_output(
        "error", ename="✗", evalue=lines[0], traceback=[f"✗ {line}" for line in lines]
    )


c = get_config()  # noqa: F821, given by nbgrader

c.CourseDirectory.course_id = "cenet"
# The same stub as in the students' notebooks: it does not raise, so a notebook runs to its end.
c.ClearSolutions.code_stub = {"python": "...  # your code here"}
# A notebook may train a model.
c.ExecutePreprocessor.timeout = 900
c.ExecuteAndGrade.timeout = 900
c.Autograde.autograde_preprocessors = [
    ExecuteAndGrade if step is Execute else step
    for step in Autograde.autograde_preprocessors.default()
]
# With nbclient's own widgets an execution can wait for ever, see execute() in build.py.
NotebookClient.on_comm_open_jupyter_widget = lambda self, message: None
