import { join } from "node:path";

/** Sections of pgBackRest's configuration, and what stands in them by the names of its manual. */
type Sections = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/** Where the repository is, inside the folder of the backups' instance. */
export function repositoryOf(backups: string): string {
  return join(backups, "repository");
}

/** Text of a `pgbackrest.conf`. A value goes to the end of its line. */
export function rendered(title: string, sections: Sections): string {
  const texts = Object.entries(sections).map(([name, settings]) =>
    [`[${name}]`, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`), ""].join("\n"),
  );
  return `# ${title}\n\n${texts.join("\n")}`;
}
