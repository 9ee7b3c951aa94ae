#!/usr/bin/env node
console.log("portreeve");
