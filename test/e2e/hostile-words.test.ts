/** Every attack of simulations/hostile by words that are well formed. */

import { testAttacks } from './attacks.ts'

testAttacks('core')
