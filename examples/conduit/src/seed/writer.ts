import { distinct, type Random } from "./random.ts";
import type { Subject } from "./subjects.ts";

const TITLES = [
  "What {thing} taught me about {name}",
  "{deed}: a field guide",
  "The quiet cost of {thing}",
  "Notes on {deed}",
  "Why I stopped fearing {thing}",
  "{deed}, one year later",
  "A short history of {thing}",
  "{name} for the impatient",
  "How we survived {thing}",
  "Stop blaming {thing}",
  "{thing} and other surprises",
  "Seven small lessons from {deed}",
  "Before you try {deed}",
  "In praise of {thing}",
];

const DESCRIPTIONS = [
  "A practical look at {deed}, with the mistakes left in.",
  "What changed when {thing} stopped being an afterthought.",
  "An honest account of {deed}.",
  "Everything I wish I had known about {thing}.",
  "Three attempts at {deed}, two of them wrong.",
  "Why {thing} deserves more care than it gets in {name}.",
];

const HEADINGS = [
  "Where it started",
  "What went wrong",
  "What worked",
  "The part nobody mentions",
  "A small experiment",
  "Numbers, such as they are",
  "Looking back",
  "What I would do today",
  "Common objections",
  "Where to go from here",
];

const SENTENCES = [
  "Most people meet {thing} long before they understand it.",
  "I had read about {deed} for years and still got it wrong the first time.",
  "The trouble with {thing} is that it looks simple from a distance.",
  "Nobody on the team had planned for {thing}, and it showed.",
  "It took an afternoon of {deed} to see what months of talk had hidden.",
  "If you remember one thing about {name}, let it be this: {deed} pays for itself.",
  "There is a reason why {deed} comes up in every conversation about {name}.",
  "We wrote down what we expected of {thing}, and compared it a month later.",
  "The numbers were small, but they all pointed to {thing}.",
  "A friend suggested {deed}; I laughed, then tried it, then stopped laughing.",
  "Perhaps {thing} is not the problem at all, only where the problem shows.",
  "You can get surprisingly far with {deed} and a little patience.",
  "What finally helped was {deed}, and a list of what not to touch.",
  "I still keep a note about {thing} next to my desk.",
  "None of this is new to anybody who has spent time with {name}.",
  "The second attempt began with {deed}, and everything after it was easier.",
  "It is tempting to treat {thing} as somebody else's business.",
  "Two weeks later {thing} was back, in another shape.",
];

const SHORT = [
  "That was the easy part.",
  "It rarely is.",
  "Try it on something small first.",
  "The details matter more than the plan.",
  "I was wrong.",
  "Ask again in a year.",
  "Nothing broke, which was news in itself.",
  "Keep it boring.",
];

const REMARKS = [
  "This matches what we saw with {thing}, thank you for writing it up.",
  "I disagree about {thing}, but the rest is spot on.",
  "Do you have more on {deed}?",
  "We tried {deed} last year and came to the same conclusion.",
  "Sharing this with my team.",
  "The section on {thing} alone was worth the read.",
  "Careful: {deed} can go wrong when {thing} is involved.",
  "Great article! More about {name}, please.",
  "Small correction: {thing} behaves differently these days.",
  "I came for {thing} and stayed for {deed}.",
];

/** Writes texts that look like articles and comments. */
export interface Writer {
  title(subject: Subject): string;
  description(subject: Subject): string;
  /** Markdown: an opening, then sections with headings, lists, quotations and code. 800 to 2,500 characters as a rule. */
  body(subject: Subject): string;
  remark(subject: Subject): string;
  tags(subject: Subject): string[];
}

export function createWriter(random: Random): Writer {
  const fill = (template: string, subject: Subject) =>
    capital(
      template.replace(/\{(\w+)\}/g, (_slot, name) => {
        if (name === "thing") return random.pick(subject.things);
        return name === "deed" ? random.pick(subject.deeds) : subject.name;
      }),
    );
  const sentence = (subject: Subject) =>
    random.chance(0.2) ? random.pick(SHORT) : fill(random.pick(SENTENCES), subject);
  const paragraph = (subject: Subject) => [...distinct(random.between(3, 6), () => sentence(subject))].join(" ");
  const extra = (subject: Subject) => {
    const kind = random.between(1, 8);
    if (kind === 1) return `> ${sentence(subject)}`;
    if (kind === 2) return `\`\`\`\n${random.pick(subject.tags)} --explain --limit ${random.between(1, 50)}\n\`\`\``;
    if (kind > 4) return undefined;
    const deeds = distinct(random.between(2, 3), () => random.pick(subject.deeds));
    return Array.from(deeds, (deed) => `- **${capital(deed)}**`).join("\n");
  };
  const section = (heading: string, subject: Subject) =>
    [`## ${heading}`, paragraph(subject), extra(subject)].filter((part) => part !== undefined).join("\n\n");
  const sections = (subject: Subject) => {
    const headings = distinct(random.between(2, 4), () => random.pick(HEADINGS));
    return Array.from(headings, (heading) => section(heading, subject));
  };

  return {
    title: (subject) => fill(random.pick(TITLES), subject),
    description: (subject) => fill(random.pick(DESCRIPTIONS), subject),
    body: (subject) => [paragraph(subject), ...sections(subject)].join("\n\n"),
    remark: (subject) => fill(random.pick(REMARKS), subject),
    tags: (subject) => {
      const [main = subject.name, ...others] = subject.tags;
      return [main, ...others.filter(() => random.chance(0.4))];
    },
  };
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
