import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import protobuf from 'protobufjs'

const proto = new URL('../../../src/adapters/api/proto/', import.meta.url).pathname
const ours = ['starling', 'network', 'health', 'reflection']
const empty = 'google/protobuf/empty.proto'

// When one fails: node --test --test-update-snapshots test/adapters/api/descriptor.test.ts
for (const name of ours) {
  test(`what the agent loads of ${name} is what its .proto says`, (t) => {
    const { root, imports = [] } = protobuf.parse(readFileSync(`${proto}${name}.proto`, 'utf8'))
    if (imports.includes(empty)) root.addJSON(protobuf.common.get(empty)?.nested ?? {})
    t.assert.fileSnapshot(root.toJSON(), `${proto}${name}.json`, {
      serializers: [(value) => JSON.stringify(value, null, 2)],
    })
  })
}

test('what reflection tells of the services is what protoc makes of their .proto', (t) => {
  const files = ours.map((name) => `${name}.proto`)
  const directory = mkdtempSync(join(tmpdir(), 'starling-protoc-'))
  try {
    const out = join(directory, 'set')
    const words = ['--proto_path', proto, '--include_imports', `--descriptor_set_out=${out}`]
    execFileSync('protoc', [...words, ...files])
    t.assert.fileSnapshot(filesOf(readFileSync(out)), `${proto}files.json`, {
      serializers: [(value) => JSON.stringify(value, null, 2)],
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** Of a FileDescriptorSet: the bytes of each file, by its name. */
function filesOf(set: Uint8Array): Record<string, string> {
  const reader = protobuf.Reader.create(set)
  const found: [string, string][] = []
  while (reader.pos < reader.len) {
    reader.uint32()
    const file = Buffer.from(reader.bytes())
    const inner = protobuf.Reader.create(file)
    // The first field of a file is its name.
    inner.uint32()
    found.push([inner.string(), file.toString('base64')])
  }
  return Object.fromEntries(found)
}
