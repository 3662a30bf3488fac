export { type Moto, NoMotoError } from "./moto.ts";
export { startMoto } from "./start-moto.ts";
