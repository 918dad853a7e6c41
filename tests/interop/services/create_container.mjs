// Creates a container in Azurite, which object_store cannot do.
//
//     node create_container.mjs http://127.0.0.1:10000 container1
import { createHmac } from "node:crypto";

// The account of every Azurite, from its documentation.
const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const [endpoint, container] = process.argv.slice(2);
const date = new Date().toUTCString();
const version = "2021-08-06";
// Shared Key: the method, eleven headers that are not sent, the x-ms headers, the resource.
const signed = [
  "PUT", ...Array(11).fill(""),
  `x-ms-date:${date}`, `x-ms-version:${version}`,
  `/${account}/${account}/${container}`, "restype:container",
].join("\n");
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(signed).digest("base64");
const response = await fetch(`${endpoint}/${account}/${container}?restype=container`, {
  method: "PUT",
  headers: {
    "x-ms-date": date,
    "x-ms-version": version,
    authorization: `SharedKey ${account}:${signature}`,
  },
});
if (response.status !== 201) {
  throw new Error(`${response.status}: ${await response.text()}`);
}
