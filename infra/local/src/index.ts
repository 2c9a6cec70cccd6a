export { type RunningChain, startAnvil } from './anvil.ts'
export { type RunningIssuer, startIssuer } from './issuer.ts'
export { LOCAL_KEY, type RunningKms, startKms } from './kms.ts'
export { portOf, requireFreePort, type WantedPort } from './ports.ts'
