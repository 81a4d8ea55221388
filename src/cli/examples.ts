/** Examples in the help of every command: each is a command line that works as it stands, but for its names. */

import type { Command } from 'commander'

export interface Example {
  readonly about: string
  readonly line: string
}

const node = '12D3KooWLhh2RuxogPeWuRhmnAoUxM6LFyVSyD6RN8t4JquV1FJa'

/** By the names of commands, such as `ip list`. */
export const examples: ReadonlyMap<string, readonly Example[]> = new Map(
  Object.entries({
    agent: [
      { about: 'The same on every host:', line: 'starling agent --seed 10.0.1.71,10.0.1.72' },
      {
        about: 'With a key, so that nobody else joins, and IPv6 besides:',
        line: 'starling agent --seed h1 --cluster-key-file /etc/starling/key --pool 172.16.0.0/12 --pool fd00:5::/48 --prefix-length 22 --prefix-length 64',
      },
      {
        about: 'On hosts of one LAN, which find each other:',
        line: 'starling agent --discover --cluster-key-file /etc/starling/key',
      },
      {
        about: 'What a start would change on this host:',
        line: 'starling agent --seed 10.0.1.71 --dry-run',
      },
    ],
    config: [
      {
        about: 'What an agent with these flags and variables would do:',
        line: 'starling config --seed 10.0.1.71',
      },
    ],
    status: [
      { about: 'Is all well?', line: 'starling status' },
      {
        about: 'Wait until this host has converged, at most a minute:',
        line: 'starling status --wait --timeout 60',
      },
    ],
    claims: [{ about: 'Whose is which subnet?', line: 'starling claims' }],
    routes: [
      { about: 'What is wanted, and what does the kernel have?', line: 'starling routes' },
      {
        about: 'Only what is not as it should be:',
        line: `starling routes --json | jq '.routes[] | select(.state != "installed")'`,
      },
    ],
    peers: [{ about: 'Who is there, who is missed, and since when?', line: 'starling peers' }],
    top: [{ about: 'Watch this host until q:', line: 'starling top' }],
    explain: [
      {
        about: 'Whose address is this, and what does the kernel do with it?',
        line: 'starling explain 172.16.8.7',
      },
      { about: 'How does h3 stand, and who says so?', line: 'starling explain h3' },
      {
        about: 'Where does a packet from one container to another get lost?',
        line: 'starling explain 172.16.0.9 172.16.8.7',
      },
    ],
    doctor: [
      {
        about: 'Before the first start, with the settings that the agent will have:',
        line: 'starling doctor --seed 10.0.1.71',
      },
      {
        about: 'For a bug report, with names and addresses replaced:',
        line: 'starling doctor --bundle starling-bundle.tar.gz --anonymize',
      },
    ],
    watch: [
      { about: 'What happens from now on:', line: 'starling watch' },
      {
        about: 'Warnings and errors alone:',
        line: `starling watch --json | jq --unbuffered 'select(.level == "warn" or .level == "error")'`,
      },
    ],
    announce: [
      {
        about: 'Let all nodes route a network behind this host to it:',
        line: 'starling announce 10.9.0.0/16',
      },
    ],
    withdraw: [{ about: 'End that:', line: 'starling withdraw 10.9.0.0/16' }],
    evict: [{ about: 'Host h3 never comes back:', line: 'starling evict h3' }],
    leave: [
      {
        about: 'Take this host out of the cluster, once its containers have ended:',
        line: 'starling leave',
      },
    ],
    purge: [{ about: 'Remove every route of starling from this host:', line: 'starling purge' }],
    resync: [{ about: 'Put back what was purged or changed:', line: 'starling resync' }],
    'ip list': [{ about: 'Who has which address?', line: 'starling ip list' }],
    'ip allocate': [
      { about: 'An address for a virtual machine:', line: 'starling ip allocate vm1 --name vm1' },
      { about: 'This one and no other:', line: 'starling ip allocate vm2 --address 172.16.8.40' },
    ],
    'ip release': [
      { about: 'All that vm1 has:', line: 'starling ip release vm1' },
      { about: 'One address, whoever has it:', line: 'starling ip release 172.16.8.40' },
    ],
    'ip adopt': [
      { about: 'After the file of the leases was lost:', line: 'starling ip adopt' },
      {
        about: 'From another cache:',
        line: 'starling ip adopt --from /var/lib/cni/cache/results',
      },
    ],
    'docker network': [
      { about: 'A network for docker run --network pods:', line: 'starling docker network pods' },
      { about: 'Only show how it would be made:', line: 'starling docker network pods --print' },
    ],
    'cni install': [
      { about: 'For containerd, CRI-O, podman and Nomad:', line: 'starling cni install' },
      {
        about: 'In an init container, before any agent runs:',
        line: 'starling cni install --plugin-only --bin-dir /opt/cni/bin',
      },
    ],
    'cni uninstall': [{ about: 'Remove what install wrote:', line: 'starling cni uninstall' }],
    'admin init': [
      { about: 'Once, off the cluster:', line: 'starling admin init --cluster starling' },
    ],
    'admin admit': [
      {
        about: 'Admit a node for 90 days:',
        line: `starling admin admit ${node} --name h3 --until 90d > h3.paper`,
      },
    ],
    'admin revoke': [
      {
        about: 'End all that was signed for a node, and tell the cluster from any host:',
        line: `starling admin revoke ${node} > h3.end`,
      },
    ],
    'admin token': [
      {
        about: 'Ten hosts named h1, h2 and so on may join within a day:',
        line: "starling admin token --count 10 --name-pattern 'h*' --until 1d --out tokens",
      },
    ],
    'admin show': [{ about: 'What does a file say?', line: 'starling admin show h3.paper' }],
    'admin install': [
      { about: 'On the host of the certificate:', line: 'starling admin install h3.paper' },
      {
        about: 'From the machine of the operator:',
        line: 'ssh h3 starling admin install - < h3.paper',
      },
    ],
    help: [
      { about: 'A command:', line: 'starling help ip allocate' },
      { about: 'A code that status or the log has:', line: 'starling help route-alien' },
    ],
    completion: [
      {
        about: 'For bash, from the next login on:',
        line: 'starling completion bash > /etc/bash_completion.d/starling',
      },
      { about: 'In this bash:', line: 'eval "$(starling completion bash)"' },
      {
        about: 'For zsh, in a directory of $fpath:',
        line: 'starling completion zsh > /usr/local/share/zsh/site-functions/_starling',
      },
      {
        about: 'For fish:',
        line: 'starling completion fish > ~/.config/fish/completions/starling.fish',
      },
    ],
  }),
)

/** Adds to the help of `command`, and of all below it. */
export function addExamples(command: Command, above = ''): void {
  for (const each of command.commands) {
    const name = `${above}${each.name()}`
    // A group shows the first of each of its commands.
    const own =
      examples.get(name) ??
      each.commands.flatMap((one) => examples.get(`${name} ${one.name()}`)?.slice(0, 1) ?? [])
    if (own.length > 0) each.addHelpText('after', helpText(own))
    addExamples(each, `${name} `)
  }
}

const helpText = (own: readonly Example[]): string =>
  `\nExamples:\n${own.map(({ about, line }) => `  # ${about}\n  ${line}`).join('\n')}`
