/** Every attack of simulations/hostile by bytes, streams and connections. */

import { testAttacks } from './attacks.ts'

testAttacks('transport')
