// Values that sit on both sides of every rule, of what is done with HTTP. The pools are small on purpose: a rule about two
// fields (an endpoint's port that the service must have, a host listed twice) only fires when values repeat.

export const REGEXES = [
  "a.*",
  "(",
  "[a-z",
  "a{2000}",
  "\\",
  "(?P<n>a)",
  "(?=a)",
  "\\d+",
  "",
  "*",
  "a".repeat(1025),
  "(?i)x",
  "\\pN",
  "\\C",
  "a**",
  "[[:alpha:]]",
  "x{2,1}",
  "(?<n>a)",
];
export const HEADER_NAMES = [
  "x-a",
  "X_B",
  ":path",
  ":authority",
  "Host",
  "host",
  "a b",
  "",
  "@request.auth.claims.a",
  "@request.auth.claims[a]",
  "@request.auth.claims",
  "@request.auth.claims.",
  ":x",
  "ä",
  "~",
];
export const HEADER_VALUES = [
  "a",
  "%HOSTNAME%",
  "100%%",
  "100%",
  "%A(b",
  '%A(["b"])%',
  '%A(["b", "c"]) %',
  "%A([b])%",
  "%A(b)%",
  "%A(b) x%",
  "a\tb",
  "a\nb",
  "%A",
  '%A(["b\\',
  '%A(["b"',
  "%START_TIME(%Y)%",
  '%A(  [  "x" ]  )  %',
];
export const COOKIE_NAMES = ["user", "a", "b", ""];
export const RETRY_ON = [
  "5xx",
  "reset,connect-failure",
  "404",
  "404,foo",
  "",
  "5xx,",
  " 5xx",
  "99",
  "+404",
  "http3-post-connect-failure",
  "0503",
  "306",
  "418",
  "419",
];
export const METHODS = ["GET", "get", "*", "POST", "", "FOO"];
export const GRPC = ["NOT_FOUND", "OK", "ok", "", "5", "CANCELLED"];
export const BYTES = ["aGVsbG8=", "x", "", "aGVsbG8", "aGVs bG8="];
export const PREFIXES = ["/a", "/ab", "/", "", "/a/b"];
export const SCHEMES = ["http", "https", "HTTP", "HTTPS", "ftp", ""];
