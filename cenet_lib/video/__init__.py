"""A film of one's own becomes an utterance: its face, its voice, and the words that were said.

The files in the order in which a film goes through them:

1. ``media.py``       opens a film: its pictures with their times, and its sound (``sound.py``)
2. ``face.py``        finds the face in each picture and describes it, with the nets of
   ``face_model.py``; ``head_pose.py`` tells how the head is turned
3. ``voice.py``       describes the sound: pitch, loudness, timbre, as ``voice_frames.py`` measures
   them in a frame
4. ``extract.py``     puts both beside the words: `extract.utterance_from_video`
5. ``clips.py``       says which films a folder holds, by its ``tables.py`` or by texts beside them,
   each a ``clip.py``; ``transcription.py`` writes words down
6. ``collection.py``  makes a corpus of them, dealt out by ``splits.py``; ``kept.py`` keeps what is
   done
7. ``playable.py``    makes of a film what a browser plays

``films.py`` has films to try it on without a camera. The libraries behind all that, which the rest
of the package does without, come with ``pip install "cenet-lib[video]"``; ``libraries.py`` says so
where one is missing.
"""
