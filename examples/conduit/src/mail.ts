import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SendMailOptions } from "nodemailer";

const FROM = process.env.MAIL_FROM ?? "Conduit <conduit@localhost>";

/**
 * Sends an e-mail by the server that the environment variable SMTP_URL names (`smtps://user:password@host`), or else writes it
 * to `<folder>/mail/<id>.eml`. The id also makes the message's id, by which a mail server can know a repetition.
 */
export async function sendMail(folder: string, id: string, mail: SendMailOptions): Promise<void> {
  const { createTransport } = await import("nodemailer"); // only a worker sends mail: an app instance starts without
  const message = { from: FROM, messageId: `<${id}@conduit>`, ...mail };
  const server = process.env.SMTP_URL;
  if (server !== undefined && server !== "") {
    const transport = createTransport(server);
    await transport.sendMail(message).finally(() => transport.close());
    return;
  }
  const sent = await createTransport({ streamTransport: true, buffer: true }).sendMail(message);
  await mkdir(join(folder, "mail"), { recursive: true });
  const file = join(folder, "mail", `${id}.eml`);
  await writeFile(`${file}.part`, sent.message);
  await rename(`${file}.part`, file);
}
