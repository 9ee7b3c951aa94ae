import { part } from "../toolchain/parts.ts";

// The project `rustls` runs files of the project `parts` a second time: every proxy that they start has the library.
process.env["PORTREEVE_RUSTLS"] = (await part("rustls")).path;
