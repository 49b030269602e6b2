"""Requests that no tool is needed for, with an answer."""

from collections.abc import Sequence

_TOPICS = (
    ("tides rise and fall", "The moon's gravity pulls the water."),
    ("bread rises", "Yeast makes gas that the dough holds."),
    ("the sky is blue", "Air scatters blue light more than red."),
    ("leaves change colour in autumn", "Their green pigment breaks down and others show."),
    ("ice floats", "Water expands when it freezes, so ice is lighter."),
    ("cats purr", "Mostly to calm themselves and to show that they are content."),
    ("stars twinkle", "Moving air bends their light."),
    ("salt melts ice", "Salt water freezes at a lower temperature."),
    ("onions make us cry", "Cutting them sets free a gas that stings the eyes."),
    ("thunder comes after lightning", "Light travels faster than sound."),
)
_TOPIC_WORDINGS = (
    "Explain in one sentence why {topic}.",
    "My daughter asks why {topic}. What do I tell her?",
    "Do you know why {topic}?",
)
_OTHERS = (
    ("Hello there! How are you?", "Hello! I am well, thank you."),
    ("Thanks, that was all for today.", "You are welcome. Goodbye!"),
    ("Write a haiku about rain.", "Rain taps on the roof / a cat listens at the glass / dawn"),
    ("Give me a better word for 'very tired'.", "Exhausted."),
    ("What can you do for me?", "I can answer questions and use the tools that I have."),
    ("Suggest a name for a small bakery.", "The Quiet Oven."),
    ("Tell me a joke about ducks.", "The duck paid for lipstick and said: put it on my bill."),
    ("How many minutes are there in a day?", "1,440."),
    ("Is 17 a prime number?", "Yes, it is."),
    ("Spell 'accommodation' for me.", "A-C-C-O-M-M-O-D-A-T-I-O-N."),
    ("What is the opposite of 'generous'?", "Stingy."),
    ("Which is heavier, a kilo of feathers or a kilo of lead?", "They weigh the same."),
    ("How do I politely decline an invitation?", "Say thank you, and that you cannot come."),
    ("Finish the sequence: 2, 4, 8, 16, …", "32."),
    ("Good morning!", "Good morning! What can I do for you?"),
    ("What colour do blue and yellow make?", "Green."),
    ("Give me one tip for learning to juggle.", "Begin with one ball and throw it to eye height."),
    ("How many sides has a hexagon?", "Six."),
    ("Is a tomato a fruit?", "Botanically, yes."),
    ("Put this into the past tense: 'I go home.'", "I went home."),
)  # fmt: skip

SMALL_TALK: Sequence[tuple[str, str]] = (
    *(
        (wording.format(topic=topic), reply)
        for topic, reply in _TOPICS
        for wording in _TOPIC_WORDINGS
    ),
    *_OTHERS,
)
"""Requests with answers; the wordings of one topic are requests of their own."""
