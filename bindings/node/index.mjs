// The same for `import`. Node finds the names of a CommonJS module by reading it.
export * from './index.cjs';
