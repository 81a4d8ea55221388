/** What `npm pack` and `npm publish` run first in the repository: names the command that packs. */

// With the repository's manifest an installation would bring every package that the bundle holds already.
console.error(
  'starling is not packed from its sources: npm run tarball, then npm publish the tarball',
)
process.exitCode = 1
