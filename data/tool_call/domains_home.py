"""Domains of the bundled tasks: weather, home, music, calendar and messages."""

from llmenvs.data.tool_call.fillings import CITIES, DATES, DURATIONS, PEOPLE, TIMES
from llmenvs.data.tool_call.grammar import Domain, Listing, ask, coded, numbers, same, tool

_CITY = "string: Name of the city in English, without the country"
_DATE = "string: Date as YYYY-MM-DD"
_TIME = "string: Time of day as HH:MM, 24 hours"

WEATHER = Domain(
    "weather",
    tools=[
        tool("get_current_weather", "Return the weather in a city at this moment.", city=_CITY),
        tool(
            "get_weather_forecast",
            "Return the forecast for the coming days, tomorrow first.",
            city=_CITY,
            days="integer: How many days, 1 to 14",
        ),
        tool(
            "get_weather_on_date",
            "Return the weather that was recorded on a past or planned date.",
            city=_CITY,
            date=_DATE,
        ),
        tool(
            "get_air_quality",
            "Return the air quality index in a city at this moment.",
            city=_CITY,
            pollutant="string?[pm25|ozone|no2]: One pollutant alone; all if left out",
        ),
        tool("get_sunrise", "Return when the sun rises in a city.", city=_CITY, date=_DATE),
        tool("get_sunset", "Return when the sun sets in a city.", city=_CITY, date=_DATE),
    ],
    asks=[
        ask(
            "get_current_weather",
            "What is the weather like in {city} right now?",
            "I am about to go out in {city}: is it raining at the moment?",
            city=CITIES,
            missing={"city": ("What is it like outside right now?", "Which city are you in?")},
        ),
        ask(
            "get_weather_forecast",
            "Give me the forecast for {city} for the next {days} days.",
            "How will the weather in {city} be over the coming {days} days?",
            city=CITIES,
            days=numbers(2, 14),
            missing={
                "city": (
                    "Give me the forecast for the next {days} days.",
                    "For which city would you like the forecast?",
                ),
                "days": ("Give me the forecast for {city}.", "For how many days?"),
            },
        ),
        ask(
            "get_weather_on_date",
            "What was the weather in {city} on {date}?",
            "Look up the weather recorded for {city} on {date}.",
            city=CITIES,
            date=DATES,
        ),
        ask(
            "get_air_quality",
            "How much {pollutant} is in the air of {city} now? Nothing else.",
            city=CITIES,
            pollutant=coded(pm25="PM2.5", ozone="ozone", no2="nitrogen dioxide"),
        ),
        ask("get_air_quality", "How clean is the air in {city} just now?", city=CITIES),
        ask(
            "get_sunrise",
            "When does the sun come up in {city} on {date}?",
            city=CITIES,
            date=DATES,
            missing={
                "date": ("When does the sun come up in {city}?", "On which date?"),
            },
        ),
        ask("get_sunset", "What time is sunset in {city} on {date}?", city=CITIES, date=DATES),
    ],
)

_ROOMS = same("kitchen", "bedroom", "living room", "hallway", "bathroom", "study", "garage")

HOME = Domain(
    "home",
    tools=[
        tool(
            "set_light",
            "Switch the light of a room on or off.",
            room="string: Name of the room",
            on="boolean: Whether it is to be on",
        ),
        tool(
            "set_light_brightness",
            "Dim the light of a room.",
            room="string: Name of the room",
            percent="integer: Brightness from 0 to 100",
        ),
        tool(
            "set_thermostat",
            "Set the temperature of a room.",
            room="string: Name of the room",
            celsius="number: Degrees Celsius",
        ),
        tool(
            "get_room_temperature",
            "Measure the temperature of a room.",
            room="string: Name of the room",
        ),
        tool(
            "start_vacuum",
            "Send the vacuum cleaner to rooms.",
            rooms="texts: Names of the rooms, in the order of cleaning",
            quiet="boolean?: Whether to clean quietly; false if left out",
        ),
        tool("lock_door", "Lock a door.", door="string[front|back|garage]: Which door"),
        tool("unlock_door", "Unlock a door.", door="string[front|back|garage]: Which door"),
    ],
    asks=[
        ask(
            "set_light",
            "Turn on the light in the {room}.",
            "It is dark in the {room}; put the light on, please.",
            room=_ROOMS,
            fixed={"on": True},
            missing={"room": ("Turn on the light, please.", "In which room?")},
        ),
        ask(
            "set_light",
            "Switch off the light in the {room}.",
            room=_ROOMS,
            fixed={"on": False},
        ),
        ask(
            "set_light_brightness",
            "Dim the {room} light to {percent} percent.",
            room=_ROOMS,
            percent=numbers(5, 95, 5),
            missing={
                "percent": ("Dim the light in the {room}.", "To what brightness, in percent?"),
            },
        ),
        ask(
            "set_thermostat",
            "Set the {room} to {celsius} degrees.",
            "I would like it to be {celsius} °C in the {room}.",
            room=_ROOMS,
            celsius=numbers(16, 24),
            missing={
                "celsius": ("Change the temperature in the {room}.", "To how many degrees?"),
                "room": ("Make it {celsius} degrees.", "Which room do you mean?"),
            },
        ),
        ask("get_room_temperature", "How warm is the {room} right now?", room=_ROOMS),
        ask("lock_door", "Lock the {door} door.", door=same("front", "back", "garage")),
        ask(
            "unlock_door",
            "Please unlock the {door} door for the courier.",
            door=same("front", "back", "garage"),
            missing={"door": ("Unlock the door for the courier.", "Which door?")},
        ),
    ],
)

_ARTISTS = same(
    "Nina Simone", "Björk", "Miles Davis", "Cesária Évora", "Radiohead", "Fela Kuti", "Rosalía",
    "Joni Mitchell",
)  # fmt: skip

MUSIC = Domain(
    "music",
    tools=[
        tool(
            "search_tracks",
            "Search the catalogue for tracks of an artist.",
            artist="string: Name of the artist",
            limit="integer?: At most so many; 10 if left out",
        ),
        tool(
            "search_albums",
            "Search the catalogue for albums of an artist.",
            artist="string: Name of the artist",
            limit="integer?: At most so many; 10 if left out",
        ),
        tool("play_track", "Play a track of the catalogue.", track_id="string: Such as TR-12"),
        tool("queue_track", "Put a track at the queue's end.", track_id="string: Such as TR-12"),
        tool("set_volume", "Set the volume.", level="integer: From 0 to 100"),
        tool("set_sleep_timer", "Stop the music after a while.", minutes="integer: Minutes"),
        tool("create_playlist", "Make an empty playlist.", title="string: Its title"),
    ],
    asks=[
        ask(
            "search_tracks",
            "Find me {limit} songs by {artist}.",
            artist=_ARTISTS,
            limit=numbers(3, 20),
        ),
        ask("search_albums", "Which albums by {artist} do you have?", artist=_ARTISTS),
        ask(
            "set_volume",
            "Turn the volume to {level}.",
            "Make it {level} percent loud.",
            level=numbers(5, 95, 5),
            missing={"level": ("Change the volume.", "To what level, from 0 to 100?")},
        ),
        ask("set_sleep_timer", "Stop the music in {minutes}.", minutes=DURATIONS),
        ask(
            "create_playlist",
            'Make a new playlist called "{title}".',
            title=same("Rainy Sunday", "Morning Run", "Deep Focus", "Road Trip", "Dinner", "Slow"),
            missing={"title": ("Make a new playlist.", "What should it be called?")},
        ),
    ],
    listings=[
        Listing(
            search=ask("search_tracks", "What do you have by {artist}?", artist=_ARTISTS),
            key="track_id",
            prefix="TR",
            fields={"seconds": (120, 600), "year": (1958, 2024)},
            picks=[
                ("Play the longest one.", "seconds", True),
                ("Play the shortest.", "seconds", False),
                ("Put on the oldest of them.", "year", False),
            ],
            tool="play_track",
            questions=[("Which of these is the newest?", "year", True)],
        ),
    ],
)

_NOTES = same(
    "I am running ten minutes late.", "The keys are under the blue pot.", "See you at the station.",
    "Thank you for yesterday!", "Could you bring the charger?", "The parcel has arrived.",
    "Dinner is at my place.", "Please call me back.",
)  # fmt: skip
_SUBJECTS = same(
    "Budget review", "Dentist", "Project kick-off", "Team lunch", "Job interview", "Piano lesson",
    "Quarterly planning", "School concert",
)  # fmt: skip

CALENDAR = Domain(
    "calendar",
    tools=[
        tool(
            "create_event",
            "Put an event into the calendar.",
            title="string: Title, in the user's words",
            date=_DATE,
            start=_TIME,
            minutes="integer?: How long it takes; 60 if left out",
        ),
        tool(
            "create_reminder",
            "Remind the user of something; takes no time in the calendar.",
            title="string: Title, in the user's words",
            date=_DATE,
            time=_TIME,
        ),
        tool("list_events", "Return the events of one day.", date=_DATE),
        tool("count_events", "Return how many events a day has.", date=_DATE),
        tool(
            "find_free_slot",
            "Find when all of several people have time on a day.",
            people="texts: Their full names",
            date=_DATE,
            minutes="integer: How much time is needed",
        ),
        tool("cancel_event", "Cancel an event.", event_id="string: Such as EV-12"),
    ],
    asks=[
        ask(
            "create_event",
            'Put "{title}" into my calendar on {date} at {start}.',
            'On {date} at {start} I have "{title}"; please note that in my calendar.',
            title=_SUBJECTS,
            date=DATES,
            start=TIMES,
            missing={
                "start": (
                    'Put "{title}" into my calendar on {date}.',
                    "At what time does it start?",
                ),
                "date": ('Put "{title}" into my calendar at {start}.', "On which date?"),
            },
        ),
        ask(
            "create_event",
            'Book {minutes} for "{title}" in my calendar, on {date} from {start}.',
            title=_SUBJECTS,
            date=DATES,
            start=TIMES,
            minutes=DURATIONS,
        ),
        ask(
            "create_reminder",
            'Remind me of "{title}" on {date} at {time}.',
            title=_SUBJECTS,
            date=DATES,
            time=TIMES,
            missing={
                "time": ('Remind me of "{title}" on {date}.', "At what time on that day?"),
            },
        ),
        ask("list_events", "What do I have on {date}?", date=DATES),
        ask("count_events", "How many events do I have on {date}? The number will do.", date=DATES),
    ],
    listings=[
        Listing(
            search=ask("list_events", "Show me my events on {date}.", date=DATES),
            key="event_id",
            prefix="EV",
            fields={"minutes": (15, 240), "guests": (1, 30)},
            picks=[
                ("Cancel the longest of them.", "minutes", True),
                ("Cancel the one with the fewest guests.", "guests", False),
            ],
            tool="cancel_event",
            questions=[("How many guests come to the biggest one?", "guests", True)],
        ),
    ],
)

MESSAGES = Domain(
    "messages",
    tools=[
        tool(
            "send_text",
            "Send a text message to a contact's phone.",
            to="string: Full name of the contact",
            text="string: The message, word for word",
        ),
        tool(
            "send_email",
            "Send an e-mail to a contact.",
            to="string: Full name of the contact",
            subject="string: The subject, word for word",
            body="string: The message, word for word",
        ),
        tool(
            "schedule_text",
            "Send a text message to a contact's phone later.",
            to="string: Full name of the contact",
            text="string: The message, word for word",
            date=_DATE,
            time=_TIME,
        ),
        tool("call_contact", "Call a contact.", name="string: Full name of the contact"),
        tool("get_unread", "Return the unread messages.", source="string[text|email]: Which kind"),
    ],
    asks=[
        ask(
            "send_text",
            'Text {to}: "{text}"',
            'Send {to} a text that says "{text}"',
            to=PEOPLE,
            text=_NOTES,
            missing={
                "to": ('Text this: "{text}"', "Who should get the message?"),
                "text": ("Send a text to {to}.", "What should the message say?"),
            },
        ),
        ask(
            "send_email",
            'E-mail {to} with the subject "{subject}" and this text: "{body}"',
            to=PEOPLE,
            subject=_SUBJECTS,
            body=_NOTES,
            missing={
                "subject": (
                    'E-mail {to} this text: "{body}" The subject comes next.',
                    "What should the subject be?",
                ),
            },
        ),
        ask(
            "schedule_text",
            'On {date} at {time}, send {to} the text "{text}"',
            to=PEOPLE,
            text=_NOTES,
            date=DATES,
            time=TIMES,
        ),
        ask("call_contact", "Call {name}.", "Get {name} on the phone for me.", name=PEOPLE),
        ask(
            "get_unread",
            "Do I have any unread {source}?",
            source=coded(text="text messages", email="e-mails"),
        ),
    ],
)

HOME_DOMAINS = (WEATHER, HOME, MUSIC, CALENDAR, MESSAGES)
