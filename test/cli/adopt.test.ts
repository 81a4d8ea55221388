/** What is read of the cache of libcni, in every form that runtimes have written it. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { readCniResults } from '../../src/cli/adopt.ts'

const attachment = { containerId: 'default-web', ifName: 'eth0', networkName: 'starling' }
const adopted = { door: 'cni', network: 'starling', id: 'default-web', interface: 'eth0' }

describe('the cache of libcni', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'starling-results-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  /** As libcni names it; `config` and capabilities are of no concern here. */
  function remember(result: object, changes: object = {}): void {
    const cached = {
      kind: 'cniCacheV1',
      ...attachment,
      config: 'eyJjbmlWZXJzaW9uIjoiMS4wLjAifQ==',
      netns: '/run/netns/web',
      result,
      ...changes,
    }
    writeFileSync(join(directory, 'starling-default-web-eth0'), JSON.stringify(cached))
  }

  for (const [version, result] of [
    ['0.2.0', { ip4: { ip: '172.16.8.5/22' }, ip6: { ip: 'fd00:10::5/64' } }],
    [
      '0.4.0',
      {
        interfaces: [{ name: 'starling0' }],
        ips: [
          { version: '4', interface: 1, address: '172.16.8.5/22', gateway: '172.16.8.1' },
          { version: '6', interface: 1, address: 'fd00:10::5/64' },
        ],
      },
    ],
    ['1.1.0', { ips: [{ address: '172.16.8.5/22' }, { address: 'fd00:10::5/64' }] }],
  ] as const) {
    it(`has the addresses of a result of ${version}`, async () => {
      remember({ cniVersion: version, ...result, dns: {} })
      assert.deepEqual(await readCniResults(directory), [
        { address: '172.16.8.5', ...adopted },
        { address: 'fd00:10::5', ...adopted },
      ])
    })
  }

  it('passes over what is no result', async () => {
    remember({ ips: [{ address: '172.16.8.5/22' }, { address: 'nowhere' }, 7, null] })
    mkdirSync(join(directory, 'folder'))
    for (const [name, text] of [
      ['torn', '{"kind":"cniCacheV1","containerId":"de'],
      ['list', '[1, 2]'],
      ['null', 'null'],
      ['nameless', '{"result":{"ips":[{"address":"172.16.8.6/22"}]}}'],
      ['empty', ''],
    ] as const) {
      writeFileSync(join(directory, name), text)
    }
    assert.deepEqual(await readCniResults(directory), [{ address: '172.16.8.5', ...adopted }])
  })

  it('says so where one of them cannot be read: its address may be held', async () => {
    remember({ ips: [{ address: '172.16.8.5/22' }] })
    symlinkSync(join(directory, 'loop'), join(directory, 'loop'))
    assert.match(String(await readCniResults(directory)), /cannot read .*\(ELOOP\)/)
  })

  it('is empty where nothing runs, and says what to do where it is not there', async () => {
    assert.deepEqual(await readCniResults(directory), [])
    const none = await readCniResults(join(directory, 'none'))
    assert.match(String(none), /none \(ENOENT\): name the cache of the CNI runtime with --from/)
  })
})
