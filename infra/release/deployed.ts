import { closureOf, type Lock } from './lock.ts'

/** What is deployed or published: the rest of the repository is for whoever works on it. */
export const DEPLOYED = ['sigpair', 'duo-node', 'functions', 'infra/recover', 'shared/client']

/** The self-hosted KMS is a file of infra/local: of that package only what this file imports. */
const KMS = ['@google-cloud/kms', '@grpc/grpc-js', '@grpc/proto-loader', '@noble/curves']

/** Folders of other people's packages that production runs, in code-unit order. */
export function productionPackages(lock: Lock): readonly string[] {
  return closureOf(lock, [...DEPLOYED, ...KMS.map((name) => `node_modules/${name}`)]).filter((folder) =>
    folder.includes('node_modules/'),
  )
}
