import { readFileSync } from 'node:fs'
import test from 'node:test'
import protobuf from 'protobufjs'

const proto = new URL('../../../src/adapters/api/proto/', import.meta.url).pathname

// When it fails: node --test --test-update-snapshots test/adapters/api/descriptor.test.ts
test('what the agent loads is what the .proto says', (t) => {
  const { root } = protobuf.parse(readFileSync(`${proto}starling.proto`, 'utf8'))
  t.assert.fileSnapshot(root.toJSON(), `${proto}starling.json`, {
    serializers: [(value) => JSON.stringify(value, null, 2)],
  })
})
