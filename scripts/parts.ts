/**
 * npm run parts                     every real part: version, size, where it comes from, whether it is there
 * npm run parts -- make [part…]     make these (or all) now
 * npm run parts -- path <part>      the path of one, made first when it is not there
 */
import { cacheRoot } from "../test/toolchain/cache.ts";
import { PartMissing, type PartName, part, partNames, plan } from "../test/toolchain/parts.ts";
import { summary, table } from "../test/toolchain/table.ts";

function known(names: readonly string[]): PartName[] {
  return names.map((name) => {
    const match = partNames.find((p) => p === name);
    if (match === undefined) throw new PartMissing(name, `no such part; there are: ${partNames.join(", ")}`);
    return match;
  });
}

async function main([command = "list", ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case "list": {
      const all = plan();
      console.log(`${table(all)}\n\n${summary(all)}\ncache: ${cacheRoot()} (PORTREEVE_CACHE to move it)`);
      return 0;
    }
    case "make": {
      const wanted = rest.length > 0 ? known(rest) : partNames;
      let failed = 0;
      for (const name of wanted) {
        try {
          const made = await part(name);
          console.log(`${name} ${made.version} ${made.path}`);
        } catch (error) {
          if (!(error instanceof PartMissing)) throw error;
          failed++;
          console.error(error.message);
        }
      }
      return failed === 0 ? 0 : 1;
    }
    case "path": {
      for (const name of known(rest)) console.log((await part(name)).path);
      return 0;
    }
    default:
      console.error(`unknown command ${command}: list, make or path`);
      return 2;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof PartMissing)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
