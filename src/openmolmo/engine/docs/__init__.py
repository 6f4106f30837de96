"""Documents, charts, tables and diagrams made by programs, with questions whose answers are computed and checked.

``Spec -> Program -> Render -> Questions -> Verify`` over a ledger that can be left at any moment. PixMo-Docs of
arXiv 2409.17146, section 2, made without a model that sees pictures. No torch.
"""
