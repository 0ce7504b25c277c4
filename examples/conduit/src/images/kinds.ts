/** The kinds of pictures that are taken, known by their first bytes; what the sender calls them does not count. */
const KINDS = [
  { type: "image/png", starts: (b: Buffer) => b.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")) },
  { type: "image/jpeg", starts: (b: Buffer) => b.subarray(0, 3).equals(Buffer.from("ffd8ff", "hex")) },
  { type: "image/gif", starts: (b: Buffer) => /^GIF8[79]a$/.test(b.toString("latin1", 0, 6)) },
  {
    type: "image/webp",
    starts: (b: Buffer) => b.toString("latin1", 0, 4) === "RIFF" && b.toString("latin1", 8, 12) === "WEBP",
  },
] as const;

/** The media type of a picture, or undefined for anything else. */
export function pictureType(content: Buffer): string | undefined {
  return KINDS.find((kind) => kind.starts(content))?.type;
}
