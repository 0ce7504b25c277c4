/** What the made-up articles are about: its tags, the things it deals with, and what people do with them. */
export interface Subject {
  readonly name: string;
  readonly tags: readonly string[];
  readonly things: readonly string[];
  readonly deeds: readonly string[];
}

const subject = (name: string, tags: string, things: string, deeds: string): Subject => ({
  name,
  tags: tags.split(" "),
  things: things.split(", "),
  deeds: deeds.split(", "),
});

/** The most written about come first. */
export const SUBJECTS: readonly Subject[] = [
  subject(
    "databases",
    "databases postgresql sql performance backend",
    "an index, the query planner, a slow query, the write-ahead log, a long transaction, connection pooling, a foreign key, vacuum",
    "reading a query plan, adding the right index, splitting a table, moving data without downtime, testing a restore",
  ),
  subject(
    "typescript",
    "typescript javascript webdev types tooling",
    "a union type, the type checker, a generic, an optional field, strict mode, a module boundary, inference, a runtime check",
    "turning on strict mode, deleting casts, parsing data at the edges, naming a type well, sharing types with the client",
  ),
  subject(
    "distributed systems",
    "distributed-systems architecture reliability backend consensus",
    "a timeout, a retry, the network, a leader election, a stale read, a message queue, an idempotent write, clock drift",
    "drawing the failure cases first, making a retry safe, measuring the tail, removing a single point of failure",
  ),
  subject(
    "web performance",
    "performance webdev frontend caching http",
    "the first byte, a large bundle, a web font, the critical path, a cache header, an image, a third-party script",
    "measuring on a slow phone, setting a budget, shipping less script, caching for a year, loading images late",
  ),
  subject(
    "testing",
    "testing quality tooling ci refactoring",
    "a flaky test, a mock, a test database, a property, a regression, the build, an assertion, a fixture",
    "running tests on the real thing, deleting a mock, writing the failing test first, making the build fast",
  ),
  subject(
    "design",
    "design ux accessibility frontend css",
    "a form, an error message, contrast, an empty state, a keyboard user, a colour, white space, a label",
    "watching someone use it, writing better errors, testing with a screen reader, removing a step",
  ),
  subject(
    "careers",
    "career teams mentoring writing remote",
    "a code review, a meeting, an interview, a first job, feedback, a deadline, a document, a mentor",
    "asking earlier, writing things down, saying no, giving kind reviews, leaving work on time",
  ),
  subject(
    "operations",
    "devops reliability linux monitoring incidents",
    "an alert, a dashboard, a rollback, a full disk, a certificate, the on-call phone, a runbook, a log line",
    "rehearsing a failure, deleting noisy alerts, rolling out slowly, writing the review without blame",
  ),
  subject(
    "security",
    "security webdev privacy passwords backend",
    "a password, a token, user input, a dependency, a secret, a session, a permission, an audit log",
    "rotating secrets, escaping output, granting less, reading the advisory, threat modelling on one page",
  ),
  subject(
    "gardening",
    "gardening outdoors habits food",
    "a tomato plant, the compost, late frost, a raised bed, a snail, the soil, a seed packet, rain water",
    "planting too early, watering in the morning, feeding the soil, saving seeds, keeping a garden diary",
  ),
  subject(
    "cooking",
    "cooking food recipes habits",
    "sourdough, a sharp knife, a cast-iron pan, an onion, leftover rice, salt, a slow oven, stock",
    "tasting as you go, salting earlier, resting the dough, cooking once for three days",
  ),
  subject(
    "running",
    "running health outdoors habits",
    "an easy run, a long hill, the first kilometre, a rest day, rain, a training plan, a sore knee",
    "running slower, sleeping more, keeping a log, leaving the watch at home",
  ),
  subject(
    "books",
    "books reading writing habits",
    "a long novel, the library, a margin note, a translation, a short story, an essay, an unread pile",
    "giving up on a book, reading aloud, keeping a reading list, rereading an old favourite",
  ),
  subject(
    "travel",
    "travel trains photography outdoors",
    "a night train, a small town, a paper map, a border, the wrong platform, an early morning, a market",
    "packing half, walking everywhere, learning ten words, staying one day longer",
  ),
  subject(
    "photography",
    "photography art light travel",
    "a single lens, morning light, a portrait, film, a tripod, shade, a crowded street",
    "waiting for the light, printing pictures, deleting most of them, getting closer",
  ),
];
