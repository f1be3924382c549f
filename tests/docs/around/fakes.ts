import { createTestServer, fakeFaiss, fakeFeast } from "merlon/testing";

const USERS = { 7: { age: 31 } };

// BLOCK
