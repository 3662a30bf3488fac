/** A process that starts moto, tells about it, and stays until it is killed. */
import { startMoto } from "@restart-coordinator/dev-moto";

const { endpoint, pid } = await startMoto();
console.log(JSON.stringify({ endpoint, pid }));
setInterval(() => {}, 60_000);
