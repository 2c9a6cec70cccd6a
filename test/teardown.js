/** After all tests. */
export default async function teardown() {
  await (await globalThis.sharedEmulator)?.stop()
}
