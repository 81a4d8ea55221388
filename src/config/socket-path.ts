/** Where agent and commands meet unless they are told otherwise; on its own because commands load no more than this. */

export const defaultSocket = '/run/starling/starling.sock'
