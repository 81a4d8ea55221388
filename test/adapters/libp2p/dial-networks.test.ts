import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DialNetworks } from '../../../src/adapters/libp2p/dial-networks.ts'
import { prefixOf } from '../../core/specimens.ts'

test('private, shared and link-local addresses are dialled, public and loopback ones are not', () => {
  const networks = new DialNetworks(undefined)
  for (const ip of [
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.1.1',
    'fd00::1',
  ])
    assert.ok(networks.allows(ip), ip)
  for (const ip of ['203.0.113.9', '127.0.0.1', '172.32.0.1', '2001:db8::1', '::1', 'x', ''])
    assert.equal(networks.allows(ip), false, ip)
})

test('beside a seed addresses are dialled, farther from it they are not', () => {
  const networks = new DialNetworks(undefined)
  networks.seedAt('203.0.113.5')
  networks.seedAt('2001:db8:0:1::5')
  assert.ok(networks.allows('203.0.113.255') && networks.allows('2001:db8:0:1:9::9'))
  assert.equal(networks.allows('203.0.114.1') || networks.allows('2001:db8:0:2::1'), false)
})

test('what is configured stands alone', () => {
  const networks = new DialNetworks([prefixOf('203.0.113.0/24')])
  networks.seedAt('10.0.0.1')
  assert.ok(networks.allows('203.0.113.9'))
  assert.equal(networks.allows('10.0.0.1'), false)
})
