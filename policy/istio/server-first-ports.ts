/**
 * Ports whose protocol lets the server speak first: whatever waits for the client's first bytes there, waits until a timeout
 * (istio#35232, #17457). MongoDB is not among them: its client speaks first.
 */
export const SERVER_FIRST: ReadonlyMap<number, string> = new Map([
  [21, "FTP"],
  [22, "SSH"],
  [25, "SMTP"],
  [110, "POP3"],
  [143, "IMAP"],
  [587, "SMTP submission"],
  [3306, "MySQL"],
  [4222, "NATS"],
  [5900, "VNC"],
]);
