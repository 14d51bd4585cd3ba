	.file	"<string>"
	.section	.ltext._ZN8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx,"axRl",@progbits
	.p2align	4
	.type	_ZN8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx,@function
_ZN8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx:
	.cfi_startproc
	pushq	%r15
	.cfi_def_cfa_offset 16
	pushq	%r14
	.cfi_def_cfa_offset 24
	pushq	%r12
	.cfi_def_cfa_offset 32
	pushq	%rbx
	.cfi_def_cfa_offset 40
	pushq	%rax
	.cfi_def_cfa_offset 48
	.cfi_offset %rbx, -40
	.cfi_offset %r12, -32
	.cfi_offset %r14, -24
	.cfi_offset %r15, -16
	movq	%r9, %r14
	movq	%r8, %rbx
	movabsq	$emu_tid, %rax
	callq	*%rax
	movslq	%eax, %r15
	movabsq	$emu_ntid, %rax
	callq	*%rax
	movslq	%eax, %r12
	movabsq	$emu_ctaid, %rax
	callq	*%rax
	cltq
	imulq	%r12, %rax
	addq	%r15, %rax
	cmpq	56(%rsp), %rax
	jge	.LBB0_2
	movq	%rax, %rcx
	sarq	$63, %rcx
	andq	%r14, %rcx
	leaq	(%rbx,%rax,8), %rdx
	vmovsd	(%rdx,%rcx,8), %xmm0
	vaddsd	%xmm0, %xmm0, %xmm0
	vcvtsi2sd	%rax, %xmm15, %xmm1
	vaddsd	%xmm1, %xmm0, %xmm0
	vmovsd	%xmm0, (%rdx,%rcx,8)
.LBB0_2:
	addq	$8, %rsp
	.cfi_def_cfa_offset 40
	popq	%rbx
	.cfi_def_cfa_offset 32
	popq	%r12
	.cfi_def_cfa_offset 24
	popq	%r14
	.cfi_def_cfa_offset 16
	popq	%r15
	.cfi_def_cfa_offset 8
	retq
.Lfunc_end0:
	.size	_ZN8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx, .Lfunc_end0-_ZN8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx
	.cfi_endproc

	.section	.ltext,"axl",@progbits
	.globl	emu_k0
	.p2align	4
	.type	emu_k0,@function
emu_k0:
.Lfunc_end1:
	.size	emu_k0, .Lfunc_end1-emu_k0

	.type	_ZN08NumbaEnv8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx,@object
	.comm	_ZN08NumbaEnv8__main__1kB2v1B92cw51cXTLSUwv1sDUaKthqaNgoKmjgOR3W3CwAkMXLaJtQYkOIgxJU0gCqOkEJoHkbttqdVhoqlspQGNFHSgJ5BnXagIAE5ArrayIdLi1E1C7mutable7alignedEx,8,8
	.section	".note.GNU-stack","",@progbits
