/** The one table of the codes of failures: of commands, of calls of the API, and of a start of the agent. */

interface Failure {
  readonly meaning: string
  readonly mend: string
}

const certificate = 'Sign another certificate on the machine of the operator: starling admin admit.'
const withdraw =
  'Announce what overlaps with nobody: starling claims and starling peers list what is taken.'
const asked = 'Correct the request.'
const state = 'Do what the message says: restore the file from a backup, or remove what it names.'

export const failures = {
  'address-outside': {
    meaning: 'The address that was asked for is in no subnet of this node.',
    mend: 'Ask for an address of its own subnet: starling status shows it.',
  },
  'address-taken': {
    meaning: 'Somebody else holds the address that was asked for.',
    mend: 'starling explain ADDRESS shows who. Ask for another one, or release it there.',
  },
  'address-unusable': {
    meaning: 'The network, gateway and broadcast addresses of a subnet are granted to nobody.',
    mend: 'Ask for another address.',
  },
  'already-running': {
    meaning: 'Another agent has the socket or the state directory.',
    mend: 'Stop it, or give this one its own --socket and --state-dir.',
  },
  'ambiguous-node': {
    meaning: 'Several nodes have the name that was given.',
    mend: 'Name the node by its id: starling peers shows it.',
  },
  'bridge-in-use': {
    meaning: "Another network of Docker has this host's bridge or subnet already.",
    mend: 'Use that network, or remove it first.',
  },
  'bundle-unwritable': {
    meaning: 'The bundle of starling doctor cannot be written, or a file of its name is there.',
    mend: 'Name another file: starling doctor --bundle FILE.tar.gz.',
  },
  configured: {
    meaning: 'The prefix is announced by the configuration, which a command does not change.',
    mend: 'Take it out of the configuration (announce) and restart the agent.',
  },
  damaged: {
    meaning: 'A file of the state directory is not what an agent wrote: cut short or altered.',
    mend: state,
  },
  'docker-refused': {
    meaning: 'Docker refused, and the message has its words.',
    mend: 'Mend what the message says.',
  },
  'docker-unreachable': {
    meaning: 'Docker does not answer on its socket.',
    mend: 'Start Docker, or name its socket: --docker-host.',
  },
  exhausted: {
    meaning: 'Every address of the subnet is held, so nothing was granted.',
    mend: 'starling ip list shows who holds them. Release those of containers that are gone.',
  },
  exists: {
    meaning: 'A file is there already, and is never replaced.',
    mend: 'Name another file or directory.',
  },
  expired: { meaning: 'The certificate has expired.', mend: certificate },
  foreign: {
    meaning: 'A file that starling would write is there, and was written by somebody else.',
    mend: 'Remove or rename it, or choose another name or directory.',
  },
  'foreign-cluster': {
    meaning: 'The certificate or revocation is for another cluster.',
    mend: certificate,
  },
  'foreign-key': {
    meaning: 'A file of the state directory belongs to another identity.',
    mend: state,
  },
  'foreign-operator': {
    meaning:
      'The certificate or revocation was signed by an operator that this agent does not have.',
    mend: 'Compare operatorKey here with the key of the operator.',
  },
  forged: {
    meaning: 'The signature of the certificate or revocation is wrong.',
    mend: certificate,
  },
  'inside-extra': {
    meaning: 'The prefix would take a part of what another node announces.',
    mend: withdraw,
  },
  'inside-pool': {
    meaning: 'The prefix lies in the pool, and not in the subnet of this node.',
    mend: withdraw,
  },
  'inside-subnet': {
    meaning: 'The prefix would take a part of the subnet of another node.',
    mend: withdraw,
  },
  internal: {
    meaning: 'A bug: the agent could not do what it should.',
    mend: 'Report it, with the message and the log of the agent.',
  },
  'invalid-address': { meaning: 'A text in the request is not an IP address.', mend: asked },
  'invalid-door': { meaning: 'The request names a door that does not exist.', mend: asked },
  'invalid-family': { meaning: 'The request names a family other than 4 and 6.', mend: asked },
  'invalid-id': { meaning: 'The id in the request is empty or too long.', mend: asked },
  'invalid-prefix': { meaning: 'A text in the request is not a prefix.', mend: asked },
  'is-claimed': {
    meaning: 'A subnet of a node is no further prefix, and is not removed like one.',
    mend: 'starling leave on its node, or starling evict.',
  },
  'is-self': { meaning: 'A node does not evict itself.', mend: 'starling leave.' },
  'leases-live': {
    meaning: 'Containers hold addresses of the subnet, and others could get the same.',
    mend: 'Stop the containers first: starling ip list shows them. Or starling leave --force.',
  },
  'leases-slow': {
    meaning: 'The disk did not answer in time. The addresses stay reserved until it does.',
    mend: 'Ask again.',
  },
  'leases-unreadable': {
    meaning: 'The stored leases cannot be read, so none is granted.',
    mend: 'starling status says why.',
  },
  'leases-unwritable': {
    meaning: 'The lease could not be written, so nothing was granted or released.',
    mend: 'Free space on the disk of the state directory, or make it writable.',
  },
  left: {
    meaning: 'This node has left the cluster, and its agent ends.',
    mend: 'Start the agent again to join.',
  },
  malformed: {
    meaning: 'A line is not a certificate, a revocation or a token, or it is cut short.',
    mend: 'Copy it again, whole.',
  },
  'missing-identity': {
    meaning: 'There is state, but the identity that wrote it is gone.',
    mend: state,
  },
  moved: {
    meaning: 'Two nodes do not know the same of a subnet yet.',
    mend: 'Ask again.',
  },
  'network-differs': {
    meaning: 'Docker has a network of that name, which is made otherwise.',
    mend: 'docker network rm NAME, or choose another name.',
  },
  'newer-version': {
    meaning: 'A newer starling wrote the state directory.',
    mend: 'Run that version.',
  },
  'no-bridge': {
    meaning: 'The agent manages no bridge that containers could attach to.',
    mend: 'Start it without --bridge none.',
  },
  'no-bridge-plugin': {
    meaning: "CNI's plugin bridge is not where it is looked for.",
    mend: 'Install containernetworking-plugins, or name its directory: --bin-dir.',
  },
  'no-certificate': {
    meaning: 'The node has no certificate of the operator.',
    mend: certificate,
  },
  'no-common-version': {
    meaning: 'The plugins know no version of CNI in common.',
    mend: 'Update the plugins.',
  },
  'no-ipv4': {
    meaning: 'This host has no IPv4 subnet, and this Docker needs one.',
    mend: 'Use Docker 28 or later, or give all agents an IPv4 --pool.',
  },
  'no-operator-key': {
    meaning: "The operator's key is not in the directory, or cannot be read.",
    mend: 'Name its directory with --dir, or make one: starling admin init.',
  },
  'no-paper': {
    meaning: 'The file holds neither a certificate nor a revocation.',
    mend: 'Give it what starling admin admit or starling admin revoke printed.',
  },
  'no-plugin': {
    meaning: 'This installation of starling lacks its CNI plugin for this kind of machine.',
    mend: 'Install starling from a package that has it.',
  },
  'no-subnet': {
    meaning: 'This node has no confirmed subnet, or not of the family that was asked for.',
    mend: 'starling status says why. At a start it takes a moment: ask again.',
  },
  'node-alive': {
    meaning: 'A node that is connected is not evicted.',
    mend: 'Run starling leave on it.',
  },
  'node-unreachable': {
    meaning: 'The node whose subnet it is does not answer.',
    mend: 'starling peers shows since when. Ask again when it is back.',
  },
  'not-a-socket': {
    meaning: 'There is a file where the socket should be.',
    mend: 'Remove it, or set --socket to another path.',
  },
  'not-allowed': {
    meaning: "This node's certificate does not allow the prefix.",
    mend: 'Sign another certificate with --announce, and install it.',
  },
  'not-announced': {
    meaning: 'This node does not announce the prefix.',
    mend: 'starling status lists what it announces.',
  },
  'not-signed': {
    meaning: 'The agent has no operatorKey, and ignores revocations.',
    mend: 'Set operatorKey on every node: docs/security.md has the steps.',
  },
  'older-certificate': {
    meaning: 'This node has a certificate that was signed later.',
    mend: 'Install the latest one.',
  },
  'other-address': {
    meaning: 'Whoever releases the address holds another one.',
    mend: 'starling ip list shows which.',
  },
  'other-node': { meaning: 'The certificate is for another node.', mend: certificate },
  'read-only': {
    meaning: 'This socket is for reading (socketReadGroup), and the call would change something.',
    mend: 'Use the socket of the agent.',
  },
  revoked: {
    meaning: 'The operator revoked the node.',
    mend: certificate,
  },
  'route-exists': {
    meaning: 'Another node announces the prefix.',
    mend: 'Withdraw it there first.',
  },
  'socket-unusable': {
    meaning: 'The agent cannot listen where it was told to.',
    mend: 'The message names the setting and the reason.',
  },
  stopping: { meaning: 'The agent is stopping.', mend: 'Ask again when it is back.' },
  'token-used': {
    meaning: 'Another node used the join token first.',
    mend: certificate,
  },
  'too-many-callers': { meaning: 'As many calls wait as may.', mend: 'Ask again later.' },
  'too-many-prefixes': {
    meaning: 'This node announces as many further prefixes as it may.',
    mend: 'starling withdraw one of them first.',
  },
  'too-many-revocations': {
    meaning: 'As many revocations are kept as may be.',
    mend: 'Make a new operator key and certify the nodes anew.',
  },
  'too-many-subnets': {
    meaning: 'The pool has more subnets than one answer may list.',
    mend: 'Ask for less, or use starling claims.',
  },
  'unknown-address': {
    meaning: 'No node of the cluster has either of the two addresses.',
    mend: 'Name an address of a container or of a host: starling claims lists the subnets.',
  },
  'unknown-node': {
    meaning: 'No node has the name or id that was given.',
    mend: 'starling peers lists the nodes.',
  },
  'unknown-service': {
    meaning: 'The health of a service was asked for that does not exist.',
    mend: asked,
  },
  'unknown-target': {
    meaning: 'The target of the route is no address of a node.',
    mend: 'starling peers lists their addresses.',
  },
  unreachable: {
    meaning: 'No agent answered: none runs, it is stopped, or the socket may not be used.',
    mend: 'Start the agent, or name its socket: --socket. Otherwise run the command as root.',
  },
  unreadable: {
    meaning: 'A file or directory cannot be read.',
    mend: 'Check its path and permissions.',
  },
  unsupported: {
    meaning: 'The agent does not know this call: it is older than the command.',
    mend: 'Update the agent.',
  },
  unwritable: {
    meaning: 'A file cannot be written.',
    mend: 'Check its path and permissions, and the space on its disk.',
  },
  usage: {
    meaning: 'The command line is wrong. Nothing was asked or changed.',
    mend: 'starling COMMAND --help.',
  },
  'wrong-announce': {
    meaning: 'The certificate does not allow what the node announces.',
    mend: 'starling withdraw on that node, or sign a certificate with --announce.',
  },
  'wrong-name': {
    meaning: 'The certificate has another name than the node.',
    mend: 'Start the agent with that --name, or sign another certificate.',
  },
  'wrong-prefix': {
    meaning: 'The certificate pins another subnet.',
    mend: 'Restart the agent of that node, or sign a certificate without --prefix.',
  },
} as const satisfies Readonly<Record<string, Failure>>

export type FailureCode = keyof typeof failures

const byName: ReadonlyMap<string, Failure> = new Map(Object.entries(failures))

export const failureNamed = (name: string): Failure | undefined => byName.get(name)
