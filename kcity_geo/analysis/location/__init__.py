"""Location: where should the next few facilities stand?"""
