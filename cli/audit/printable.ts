/**
 * Text from a log as a terminal may get it: what a client chose (a user, a database) could otherwise move the cursor or
 * colour a lie. Tabs and line feeds are replaced as well; each such character becomes its JSON escape.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
